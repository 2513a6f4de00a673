"""What an environment lets be broken for a time; the rules themselves are not known here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from stacks.fields import Day, Model

_Text = Annotated[str, Field(pattern=r"\S", max_length=200)]


class Waiver(Model):
    """One rule that one resource may break until a day, with the reason."""

    rule: _Text = Field(
        description="The rule, such as rds-multi-az, or its id at a judge such as CKV_AWS_157."
    )
    resource: _Text = Field(
        description="The resource's name in the program, as a verdict shows it; "
        "stack for the whole of it."
    )
    reason: Annotated[str, Field(min_length=20, max_length=500)] = Field(
        description="Why, for whoever reads a verdict; at least 20 characters."
    )
    expires: Day = Field(
        description="The last day (UTC); from then on the rule refuses again, and says so."
    )
