"""What is more than one model on one frame: streams, many responses, refits, imports.

One file per task, all of one shape: `TASK` says what it is and at which sizes it is measured,
`prepare(size, folder)` makes its data, and `PROGRAMS` maps a program's name to the function that
does it, timed by the clock that it is handed.
"""
