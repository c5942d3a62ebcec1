"""Measuring ecirun side by side with what else starts containers on this machine.

Every kind of work has several contestants, which take turns: noise of the machine hits all alike, and only ratios are worth
anything. `works` says what is measured, `peers` who else can do it, `budgets` what ecirun is held to.
"""
