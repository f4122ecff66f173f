"""The design of a model whose data are read in batches.

Four steps, each a function of what the one before gave, so that the third can be done anywhere and
in any order:

1. `question` reads what is asked; `survey` learns from a pass over the data what columns cannot be
   made without, levels and means, if there is such a need; `recipe` makes of the first batch and of
   the survey the recipe by which every batch becomes numbers.
2. `batch` makes the numbers of a batch.
3. `tally` counts what cannot be told from sums; two tallies make one.
4. `finish` makes of the tally and of the cross-products the specification of the model and its
   matrices, which have no rows.
"""
