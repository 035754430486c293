"""How a network is trained: one loop for the proxy and for the full policies."""
