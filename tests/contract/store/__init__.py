"""The store's promises, on a real MongoDB."""
