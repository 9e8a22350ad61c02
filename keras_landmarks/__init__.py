"""Facial landmarks in Keras: models by name, and the layers, losses and tools underneath."""

__version__ = "0.1.0"
