"""``/docs``: the OpenAPI document as a page to read and to try."""

from api.swagger.page import PATH, POLICY, paths, router

__all__ = ["PATH", "POLICY", "paths", "router"]
