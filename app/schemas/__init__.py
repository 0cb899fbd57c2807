"""Request and response bodies of the HTTP API, one module per resource.

Begin with `base`: the two base classes and the fields that several resources share; `items` has the lists whose items
are judged one by one. `recipes` and `jobs.requests` parse what users write into the dataclasses of `models`; the
command line uses them as well. Classes of this package name the components of the OpenAPI document, so their names are
part of the API. None of them loads torch, Numba or FastAPI.
"""
