"""What the tools of the toolset `training` answer."""

from pydantic import BaseModel, Field

from sonant.surface.results import Answer, VoiceRow


class Training(Answer):
    training_id: str | None = None
    name: str | None = None
    status: str | None = None
    """created, training, completed or failed."""
    language: str | None = None
    dataset_id: str | None = None
    problems: list[str] = Field(default=[])
    """What was wrong with the recordings."""
    voices: list[VoiceRow] = Field(default=[])
    models: list[str] = Field(default=[])
    """What speaks with the voices; text_to_speech finds one by itself."""


class TrainingRow(BaseModel):
    training_id: str
    name: str
    status: str


class Trainings(BaseModel):
    trainings: list[TrainingRow]
    next_cursor: str | None = None
