"""Conditions on texts: true and 1, false and 0, anything else is an error."""

from __future__ import annotations

from launch.condition import Condition
from launch.launch_context import LaunchContext
from launch.substitution import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

__all__ = ["IfCondition", "InvalidConditionExpressionError", "UnlessCondition"]

TRUE = ["true", "1"]
FALSE = ["false", "0"]


class InvalidConditionExpressionError(Exception):
    """A condition's text is neither true nor false."""


def evaluate_condition_expression(
    context: LaunchContext, predicate_expression: SomeSubstitutionsType
) -> bool:
    """The truth value of a text; raises InvalidConditionExpressionError."""
    substitutions = normalize_to_list_of_substitutions(predicate_expression)
    text = perform_substitutions(context, substitutions).strip().lower()
    if text not in TRUE + FALSE:
        raise InvalidConditionExpressionError(
            f"invalid condition expression, expected one of {TRUE + FALSE}, got '{text}'"
        )
    return text in TRUE


class IfCondition(Condition):
    """Holds where the text is true."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        super().__init__(
            predicate=lambda context: evaluate_condition_expression(context, predicate_expression)
        )


class UnlessCondition(Condition):
    """Holds where the text is false."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        super().__init__(
            predicate=lambda context: not evaluate_condition_expression(
                context, predicate_expression
            )
        )
