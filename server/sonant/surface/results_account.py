"""What the tools of the toolset `account` answer."""

from pydantic import BaseModel


class FileRow(BaseModel):
    id: str
    name: str
    purpose: str | None = None
    size: int | None = None
    created_at: str | None = None


class Files(BaseModel):
    files: list[FileRow] = []
    next_cursor: str | None = None


class UsageRow(BaseModel):
    id: str
    label: str | None = None
    credits: float


class UsageReport(BaseModel):
    start: str
    end: str
    credits: float
    rows: list[UsageRow] = []
    """By day or month, or by what was asked to be told apart; without those that spent nothing."""


class NewToken(BaseModel):
    token: str
    grants: list[str]
    expires_at: str


class ModelRow(BaseModel):
    id: str
    kind: str
    about: str
    snapshots: list[str] = []


class Models(BaseModel):
    models: list[ModelRow]
