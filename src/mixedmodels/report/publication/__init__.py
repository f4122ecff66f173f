"""Several models side by side in one table for a paper, in the formats that papers are written in.

models ──► reading ──► layout ──► content ──► plain, html, latex, typst, markdown, word
▲
labels, style (how numbers and heads are written)
"""
