"""Measurements, run by hand (`make bench`): one file for each, named by what is measured."""
