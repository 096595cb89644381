"""The rules of the house: who imports whom, and how long things may be."""
