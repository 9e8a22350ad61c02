"""Annotation files, one format a file."""
