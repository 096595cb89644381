"""The queue while its processes and its server are killed and frozen."""
