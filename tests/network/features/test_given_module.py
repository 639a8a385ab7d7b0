"""A torch.nn.Module that the caller gives to `extract`, with the caller's preprocessing."""

import sys
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms

from featscape.errors import InputError, ModelError
from featscape.features import extract
from featscape.images import find_images

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STEPS = (transforms.Resize(40), transforms.CenterCrop(32), transforms.ToTensor())
SAME_STEPS = {"input_size_px": 32, "resize_px": 40, "mean": MEAN, "std": STD}


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU()
        )
        self.head = torch.nn.Linear(8, 4)

    def forward(self, batch):
        return self.head(self.body(batch).mean((2, 3)))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return Net().train()


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    sizes = [(60, 50), (50, 70), (64, 64)]
    return find_images(
        [Image.fromarray(rng.integers(0, 255, (h, w, 3), dtype=np.uint8)) for w, h in sizes]
    )


@pytest.fixture(scope="module")
def validation():
    return transforms.Compose([*STEPS, transforms.Normalize(MEAN, STD)])


def test_transforms_and_a_mapping_give_the_same_features(net, images, validation):
    mapped = extract(images, model=net, preprocessing=SAME_STEPS, device="cpu", precision="fp32")
    with_transforms = extract(images, model=net, preprocessing=validation, device="cpu")
    assert mapped.shape == with_transforms.shape == (3, 8)
    assert mapped.model.layer == with_transforms.model.layer == "input of head"
    np.testing.assert_allclose(with_transforms.values, mapped.values, rtol=0.01)


def test_the_features_are_those_of_the_module(net, images, validation):
    features = extract(images, model=net, preprocessing=validation, device="cpu")
    batch = torch.stack([validation(images.load(index)) for index in range(3)])
    evaluated = Net().eval()
    evaluated.load_state_dict(net.state_dict())
    with torch.no_grad():
        expected = evaluated.body(batch).mean((2, 3)).numpy()
    np.testing.assert_allclose(features.values, expected, rtol=1e-4)


@pytest.mark.parametrize("preprocessing", ["validation", "none"])
def test_a_wrong_layer_is_an_error_that_lists_the_layers(net, images, validation, preprocessing):
    given = validation if preprocessing == "validation" else None
    with pytest.raises(ModelError, match=r"Its layers, from `named_modules\(\)`: body, body\.0, "):
        extract(images, model=net, preprocessing=given, device="cpu", layers="x")


@pytest.mark.parametrize("preprocessing", ["validation", "none"])
def test_the_module_of_the_caller_does_not_change(net, images, validation, preprocessing):
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    given = validation if preprocessing == "validation" else None
    extract(images, model=net, preprocessing=given, device="cpu", layers="body")
    assert net.training
    assert isinstance(net.head, torch.nn.Linear)
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


def test_trained_weights_and_other_transforms_change_the_card(net, images, validation):
    def card(module, preprocessing):
        return extract(images, model=module, preprocessing=preprocessing, device="cpu").model

    first = card(net, validation)
    assert card(net, validation) == first
    trained = Net()
    trained.load_state_dict(net.state_dict())
    trained.body[0].weight.data.mul_(2)
    assert card(trained, validation) != first
    assert card(net, transforms.Compose([*STEPS])) != first


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (lambda image: image, r"returns Image of the shape \(\)"),
        (lambda image: 1 / image.getextrema()[0][0], "raises ZeroDivisionError"),
        (
            transforms.Compose([transforms.Grayscale(), transforms.ToTensor()]),
            r"\(1, 50, 60\)\. The tensor has 1 channel: add .*Grayscale\(3\)",
        ),
        (transforms.PILToTensor(), r"PILToTensor.* returns uint8 of the shape \(3, 50, 60\)"),
        (transforms.ToTensor(), r"one shape; got \(3, 50, 60\) and"),
        (transforms.Compose([transforms.RandomCrop(32), STEPS[2]]), "not depend on chance"),
        (lambda image: STEPS[2](image) / 0, "return finite numbers; .* returns NaN or infinity"),
    ],
)
def test_a_useless_function_is_refused(net, images, steps, message):
    with pytest.raises(ModelError, match=f"^preprocessing must .*{message}"):
        extract(images, model=net, preprocessing=steps, device="cpu", batch_size=3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "net.pt"}, "weights must be left out"),
        ({"precision": "int8"}, "precision must be fp32"),
        ({"precision": "half"}, "precision must be"),
        ({"device": "abacus"}, "device must be"),
    ],
)
def test_other_options_are_refused(net, images, validation, options, message):
    with pytest.raises(InputError, match=message):
        extract(images, model=net, preprocessing=validation, **options)


def test_a_random_step_whose_first_results_are_equal_is_refused(net, images):
    flips = iter([False, False, False, True])  # the first calls give equal results

    def flip(image):
        tensor = STEPS[2](STEPS[1](image))
        return tensor.flip(2) if next(flips) else tensor

    with pytest.raises(ModelError, match="not depend on chance"):
        extract(images, model=net, preprocessing=flip, device="cpu")


def test_the_result_of_a_function_may_have_a_gradient(net, images, validation):
    def with_gradient(image):
        return validation(image).requires_grad_()

    features = extract(images, model=net, preprocessing=with_gradient, device="cpu")
    assert features.shape == (3, 8)


def test_preprocessing_without_a_module_is_refused(images, validation):
    with pytest.raises(InputError, match=r"unless model is a torch\.nn\.Module; got the model 'x'"):
        extract(images, model="x", preprocessing=validation)


def test_preprocessing_is_refused_also_if_a_map_has_the_network(images, validation, monkeypatch):
    loop = import_module("featscape.features.extraction.loop")
    monkeypatch.setattr(loop, "find_network_of_map", lambda *_: pytest.fail("preprocessing lost"))
    with pytest.raises(InputError, match=r"^preprocessing must be left out"):
        extract(images, model="resnet18", preprocessing=validation)


def test_an_error_of_the_module_names_the_line(images, validation):
    class Broken(torch.nn.Module):
        def forward(self, batch):
            raise KeyError(f"lost {len(batch)}")

    with pytest.raises(ModelError, match=r"raises KeyError .*test_given_module.py, line \d+"):
        extract(images, model=Broken(), preprocessing=validation)


class Returning(torch.nn.Module):
    """Returns the result of a function of the averages of the channels."""

    def __init__(self, result):
        super().__init__()
        self.result = result

    def forward(self, batch):
        return self.result(batch.mean((2, 3)))


@pytest.mark.parametrize("preprocessing", ["validation", "none"])
@pytest.mark.parametrize(
    ("result", "tensors"),
    [
        (lambda x: (x, x[:, :2]), r"0 \(2, 3\), 1 \(2, 2\)"),
        (lambda x: [None, x, x], r"1 \(2, 3\), 2 \(2, 3\)"),
        (lambda x: {"a": x, "b": x[:, 0]}, r"'a' \(2, 3\), 'b' \(2,\)"),
        (lambda x: {"loss": x.mean(), "logits": x}, r"'loss' \(\), 'logits' \(2, 3\)"),
    ],
)
def test_a_module_that_returns_several_tensors_is_refused(
    images, validation, preprocessing, result, tensors
):
    given = validation if preprocessing == "validation" else None
    message = rf"Returning returns several for 2 images: {tensors}\. Choose .*or return one tensor"
    with pytest.raises(ModelError, match=message):
        extract(images, model=Returning(result), preprocessing=given, device="cpu")


@pytest.mark.parametrize("result", [lambda x: (x,), lambda x: {"a": x, "loss": None}])
def test_a_module_may_return_one_tensor_in_a_container(images, validation, result):
    module = Returning(result)
    assert extract(images, model=module, preprocessing=validation, device="cpu").shape == (3, 3)


def test_a_module_that_returns_one_number_per_image_gets_the_shape_to_return(images):
    with pytest.raises(ModelError, match=r"returns \(2,\) for 2 images\. Return .* \(b, 1\)\."):
        extract(images, model=Returning(lambda x: x[:, 0]), device="cpu")


def with_weights(module, net):
    module.load_state_dict(net.state_dict())
    return module


class Autocast(Net):
    def forward(self, batch):
        with torch.autocast("cpu", torch.bfloat16):
            return super().forward(batch)


@pytest.mark.parametrize("layers", [(), ("head",), ("body", "output")])
@pytest.mark.parametrize("preprocessing", ["validation", "mapping"])
def test_bfloat16_features_become_float32(net, images, validation, preprocessing, layers):
    given = validation if preprocessing == "validation" else SAME_STEPS
    module = with_weights(Autocast(), net)
    ours = extract(images, model=module, preprocessing=given, layers=layers, device="cpu")
    expected = extract(images, model=net, preprocessing=given, layers=layers, device="cpu")
    assert ours.values.dtype == np.float32
    assert ours.model.layer == expected.model.layer
    np.testing.assert_allclose(ours.values, expected.values, rtol=0.05, atol=0.02)


class InPlace(Net):
    def forward(self, batch):
        return super().forward(batch.sub_(0.3).div_(0.4))


class OutOfPlace(Net):
    def forward(self, batch):
        return super().forward(batch.sub(0.3).div(0.4))


@pytest.mark.parametrize("preprocessing", ["validation", "mapping"])
def test_a_module_may_change_its_input_in_place(net, images, validation, preprocessing):
    given = validation if preprocessing == "validation" else SAME_STEPS
    ours, expected = (
        extract(images, model=module, preprocessing=given, device="cpu", precision="fp32").values
        for module in (with_weights(InPlace(), net), with_weights(OutOfPlace(), net))
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("preprocessing", ["validation", "none"])
def test_a_module_without_values_is_refused(images, validation, preprocessing):
    given = validation if preprocessing == "validation" else None
    with torch.device("meta"):
        module = Net()
    with pytest.raises(ModelError, match=r"body\.0\.bias is on the device meta\. Load the weights"):
        extract(images, model=module, preprocessing=given, device="cpu")


def test_a_module_with_nan_is_refused_with_the_remedy(images, validation):
    module = Net()
    module.body[0].weight.data.fill_(float("nan"))
    with pytest.raises(ModelError, match=r"gives NaN or infinity\. Fix the network\."):
        extract(images, model=module, preprocessing=validation, device="cpu")


def test_a_module_of_a_program_from_the_standard_input(net, images, validation, monkeypatch):
    program = ModuleType("program")
    program.__file__ = "<stdin>"
    monkeypatch.setitem(sys.modules, "program", program)
    monkeypatch.setattr(Net, "__module__", "program")
    assert extract(images, model=net, preprocessing=validation, device="cpu").shape == (3, 8)


class SmallNet(torch.nn.Sequential):
    """A network that works for images of 28 x 20 px only."""

    def __init__(self):
        super().__init__(
            torch.nn.Conv2d(3, 4, 3, padding=1),
            torch.nn.MaxPool2d(2),
            torch.nn.Flatten(),
            torch.nn.Linear(4 * 10 * 14, 6),
            torch.nn.Linear(6, 2),
        )


def compiled(net):
    """Return a copy whose calls fail: the compiler must not be called."""

    def refuse(_graph, _inputs):
        raise AssertionError("compiled")

    module = with_weights(Net(), net)
    module.body[0] = torch.compile(module.body[0], backend=refuse)
    return torch.compile(module, backend=refuse)


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method`:DeprecationWarning")
@pytest.mark.parametrize("layers", [(), ("body.0", "body")])
@pytest.mark.parametrize("preprocessing", ["validation", "mapping"])
def test_a_compiled_module_runs_without_the_compiler(
    net, images, validation, preprocessing, layers
):
    given = validation if preprocessing == "validation" else SAME_STEPS
    module = compiled(net)
    ours, expected = (
        extract(images, model=one, preprocessing=given, layers=layers, device="cpu")
        for one in (module, net)
    )
    assert ours.model == expected.model
    np.testing.assert_array_equal(ours.values, expected.values)
    assert "_orig_mod.body.0._orig_mod" in dict(module.named_modules())  # not changed


def images_of(*sizes):
    rng = np.random.default_rng(0)
    return find_images(
        [Image.fromarray(rng.integers(0, 255, (h, w, 3), dtype=np.uint8)) for w, h in sizes]
    )


def test_transforms_without_a_resize_fit_a_network_for_the_size_of_the_images():
    torch.manual_seed(0)
    module, images = SmallNet().eval(), images_of((28, 20), (28, 20))
    features = extract(images, model=module, preprocessing=STEPS[2], device="cpu")
    batch = torch.stack([STEPS[2](images.load(index)) for index in range(2)])
    with torch.no_grad():
        expected = torch.nn.Sequential(*list(module)[:-1])(batch)
    assert features.model.layer == "input of 4"
    np.testing.assert_allclose(features.values, expected.numpy(), rtol=1e-4, atol=1e-6)


def test_cards_are_equal_for_first_images_of_two_sizes(net, validation):
    one, other = (
        extract(images_of(size), model=net, preprocessing=validation, device="cpu").model
        for size in ((60, 50), (50, 70))
    )
    assert one == other
    assert one.fingerprint != other.fingerprint  # as documented


def test_the_first_readable_image_gives_the_size(tmp_path):
    (tmp_path / "a.png").write_bytes(b"damaged")
    images_of((28, 20)).load(0).save(tmp_path / "b.png")
    features = extract(
        find_images(tmp_path), model=SmallNet(), preprocessing=STEPS[2], device="cpu"
    )
    assert features.shape == (1, 6)
    (tmp_path / "b.png").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"readable; none of 2 images in .* is\. The first reason"):
        extract(find_images(tmp_path), model=SmallNet(), preprocessing=STEPS[2], device="cpu")


@pytest.mark.parametrize(
    ("preprocessing", "shape"),
    [(STEPS[2], r"\(b, 3, 50, 60\)"), ({"input_size_px": 32}, r"\(b, 3, 32, 32\)")],
)
def test_the_error_of_another_size_names_the_size(images, preprocessing, shape):
    message = rf"in PyTorch, for float input of shape {shape}\. .* change the preprocessing\.$"
    with pytest.raises(ModelError, match=message):
        extract(images, model=SmallNet(), preprocessing=preprocessing, device="cpu")


def test_images_of_two_sizes_need_a_crop():
    with pytest.raises(ModelError, match=r"one shape; got \(3, 20, 28\) and \(3, 28, 20\)"):
        extract(
            images_of((28, 20), (20, 28)), model=SmallNet(), preprocessing=STEPS[2], device="cpu"
        )
