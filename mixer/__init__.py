"""Arithmetic on pictures and sound. Synchronous and pure: time is an argument, nothing here reads a clock."""
