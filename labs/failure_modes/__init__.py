"""How post-training fails: each famous failure made on purpose in the county, where the truth is known, with
its cure.
"""
