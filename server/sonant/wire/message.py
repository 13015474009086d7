"""What every message on the wire has in common: read leniently, write exactly. Source: contract §1.2."""

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """A JSON body. Unknown fields are ignored: Cartesia may add some without a new version."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=(), serialize_by_alias=True, validate_by_name=True)

    def to_wire(self) -> dict[str, object]:
        """The JSON object to send: absent rather than null, as the SDK sends it."""
        return self.model_dump(mode="json", exclude_none=True)
