"""Families of cases: each file tries one kind of thing in many ways."""
