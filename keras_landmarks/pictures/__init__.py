"""Pixels in and out: pictures, videos, drawings, plots."""
