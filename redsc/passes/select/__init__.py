"""Searches for the widths of every level; each returns a frozen `LevelPlan`.

`problem` is what is asked, and `make_problem` asks it. `selectors` are the answers to choose from; `slots`, `fill`,
`downward`, `trial` and `shortfall` are what several of them share, `sizes` goes around any of them. `exact` is the
solver behind `joint` and REDS; `sums` says what levels cost in terms that it can add up. `check` trusts none of
them, `binding` says what keeps an answer from being wider.
"""
