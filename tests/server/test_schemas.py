import pydantic
import pytest

from querist.server import schemas


def subclasses(cls):
    return [model for model in vars(schemas).values() if isinstance(model, type) and issubclass(model, cls)]


@pytest.mark.parametrize("model", subclasses(pydantic.BaseModel), ids=lambda m: m.__name__)
def test_each_model_and_field_says_what_it_is(model):
    assert model.__doc__
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name} has no description"


def test_the_ui_can_rely_on_every_field_of_a_reply():
    schema = schemas.Status.model_json_schema(mode="serialization")
    for name, part in {"Status": schema, **schema["$defs"]}.items():
        if part.get("type") == "object":
            assert set(part["required"]) == set(part["properties"]), name


def test_an_unknown_field_of_a_request_is_refused():
    with pytest.raises(pydantic.ValidationError, match="lable"):
        schemas.AnswerForm.model_validate({"key": "0b8c4b1e-58b4-4f0e-9d57-6a8f5b0c7a11", "item": "a", "lable": "x"})


def test_an_answer_is_as_small_as_it_can_be():
    form = schemas.AnswerForm.model_validate(
        {"key": "0b8c4b1e-58b4-4f0e-9d57-6a8f5b0c7a11", "item": "a", "value": "ham"}
    )
    assert (form.outcome, form.confidence, form.replaces) == ("answered", None, None)
