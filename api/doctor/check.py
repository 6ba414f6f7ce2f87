"""One finding of the doctor."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Outcome = Literal["ok", "warning", "failure"]


class Check(BaseModel):
    """``found`` says what is the case, ``advice`` what to do about it; empty where there is nothing to do."""

    model_config = ConfigDict(frozen=True)

    name: str
    outcome: Outcome
    found: str
    advice: str = ""


def fine(name: str, found: str) -> Check:
    return Check(name=name, outcome="ok", found=found)


def warning(name: str, found: str, advice: str) -> Check:
    return Check(name=name, outcome="warning", found=found, advice=advice)


def failure(name: str, found: str, advice: str) -> Check:
    return Check(name=name, outcome="failure", found=found, advice=advice)
