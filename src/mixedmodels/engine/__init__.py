"""The native problem: checked arrays in, named arrays out; the search's settings and report."""
