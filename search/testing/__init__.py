"""What a sampler or an executor of one's own has to keep to, as functions to call from its tests."""
