"""HTTP for routes: bodies that come in, answers and streams that go out, errors as clients see them.

Begin with `error_responses`, the table from exceptions to status and code, and `responses`; `item_errors` puts errors
in the places of single results. `streaming` sends answers piece by piece and writes server-sent events; `request_body`
and `multipart_upload` read large bodies as they come, the former drops work whose client has hung up, too; `records`
reads lines of JSON, and `json_body` JSON that parsers give up on; `swagger_ui` serves the API's documentation.
"""
