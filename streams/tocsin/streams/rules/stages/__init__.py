"""The stages of a report on its way through `decide`, one module each: `judge(turn, report)` says whether it may be
told, `after(turn, report, outcome)` remembers what became of it. `rules.decide.STAGES` has their order."""
