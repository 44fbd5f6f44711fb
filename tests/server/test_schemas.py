from importlib import import_module
from pkgutil import iter_modules

import pydantic
import pytest

from querist.server import schemas
from querist.server.schemas.labelling import AnswerForm
from querist.server.schemas.status import Status


def models():
    """Every shape, once, in the module that defines it."""
    for module in iter_modules(schemas.__path__, f"{schemas.__name__}."):
        for model in vars(import_module(module.name)).values():
            if isinstance(model, type) and issubclass(model, pydantic.BaseModel) and model.__module__ == module.name:
                yield model


@pytest.mark.parametrize("model", list(models()), ids=lambda m: m.__name__)
def test_each_model_and_field_says_what_it_is(model):
    assert model.__doc__
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name} has no description"


def test_the_ui_can_rely_on_every_field_of_a_reply():
    schema = Status.model_json_schema(mode="serialization")
    for name, part in {"Status": schema, **schema["$defs"]}.items():
        if part.get("type") == "object":
            assert set(part["required"]) == set(part["properties"]), name


def test_an_unknown_field_of_a_request_is_refused():
    with pytest.raises(pydantic.ValidationError, match="lable"):
        AnswerForm.model_validate({"key": "0b8c4b1e-58b4-4f0e-9d57-6a8f5b0c7a11", "item": "a", "lable": "x"})


def test_an_answer_is_as_small_as_it_can_be():
    form = AnswerForm.model_validate({"key": "0b8c4b1e-58b4-4f0e-9d57-6a8f5b0c7a11", "item": "a", "value": "ham"})
    assert (form.outcome, form.confidence, form.replaces) == ("answered", None, None)
