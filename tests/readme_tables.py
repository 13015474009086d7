"""The README's tables of tools and settings, rendered from the code: `python tests/readme_tables.py` rewrites them."""

import re
from pathlib import Path

from sonant.settings import TOOLSETS, VARIABLES
from sonant.surface.tools.toolsets import tools_of

README = Path(__file__).parent.parent / "README.md"


def tools_table(toolset: str) -> str:
    """One row a tool: what it does, what it takes; what is required is bold."""
    rows = [f"| {toolset} | does | takes |", "|---|---|---|"]
    for tool in tools_of([toolset]):
        required = tool.parameters.get("required", [])
        takes = ", ".join(f"**{name}**" if name in required else name for name in tool.parameters["properties"])
        rows.append(f"| `{tool.name}` | {' '.join((tool.description or '').split())} | {takes} |")
    return "\n".join(rows)


def settings_table() -> str:
    """One row a variable."""
    rows = ["| variable | meaning | default |", "|---|---|---|"]
    rows += [f"| `{variable.name}` | {variable.meaning} | {variable.default} |" for variable in VARIABLES]
    return "\n".join(rows)


def render(readme: str, tables: dict[str, str]) -> str:
    """The README with each table between its markers `<!-- name -->` and `<!-- /name -->` replaced."""
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        readme, found = pattern.subn(lambda match, table=table: match[1] + table + "\n" + match[2], readme)
        assert found == 1, f"the README has no place for the table of {name}"
    return readme


def tables() -> dict[str, str]:
    """What the code says now."""
    return {"tools": "\n\n".join(map(tools_table, TOOLSETS)), "settings": settings_table()}


if __name__ == "__main__":
    README.write_text(render(README.read_text("utf-8"), tables()), "utf-8")
