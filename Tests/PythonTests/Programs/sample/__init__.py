"""A package that only the controller has."""
