"""Measurements of the program's parts against the truth and against simpler methods."""
