"""Runs an evaluator that was written for another tool as a trusted scorer; see docs/evaluators.md of Whetstone."""
