"""Middleware around all routes, as plain ASGI, so that streams pass untouched; from the outside in:

`request_id` names the request and answers what nobody handled, `browsers` keeps pages of other sites out, `admission`
refuses requests without room and ends those that take too long (counted by `in_flight`), `body_limit` bounds the body.
`app.main` puts them together.
"""
