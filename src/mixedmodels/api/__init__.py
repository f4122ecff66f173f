"""The functions of the package: `models` fits and compares, `studies` plans."""
