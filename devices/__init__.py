"""What leaves for a device: files that other runtimes open, quantised networks, labels without torch."""
