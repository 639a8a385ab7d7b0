"""Sources in a bucket of a real S3 server on this machine."""

import fsspec
import pytest

from featscape.errors import ImageError, InputError
from featscape.features import extract
from featscape.images import find_images
from helpers.images.archives import make_zip
from helpers.networks.quick_network import FirstPixelNetwork


@pytest.fixture(scope="module")
def s3():
    """Run a real S3 server on this machine, and return a client."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="pictures")
        yield client
        fsspec.filesystem("s3").clear_instance_cache()
    server.stop()


def test_a_bucket_is_read(s3, png, reds):
    names = [f"train/{'ab'[i % 2]}/{i:04}.png" for i in range(32)]
    for i, name in enumerate(names):
        s3.put_object(Bucket="pictures", Key=f"set/{name}", Body=png(i % 256))
    images = find_images("s3://pictures/set")
    assert images.paths == tuple(sorted(names))
    assert images.splits == ("train",) * 32
    assert set(images.labels) == {"a", "b"}
    assert reds(images.select([0, 1, 16])) == [0, 2, 1]
    assert len(extract(images.select(range(30)), model=FirstPixelNetwork())) == 30


def test_a_manifest_and_an_archive_in_a_bucket_are_read(s3, png, reds):
    s3.put_object(Bucket="pictures", Key="x/1.png", Body=png(5))
    s3.put_object(Bucket="pictures", Key="x/m.csv", Body=b"path\n1.png\ngone.png\n")
    s3.put_object(Bucket="pictures", Key="x/a.zip", Body=make_zip({"a/1.png": png(6)}))
    images = find_images("s3://pictures/x/m.csv")
    assert images.load(0).getpixel((0, 0))[0] == 5
    with pytest.raises(ImageError, match="no such file"):
        images.load(1)
    assert reds(find_images("s3://pictures/x/a.zip")) == [6]


def test_a_bucket_that_does_not_exist_is_an_error(s3):
    assert s3 is not None
    with pytest.raises(InputError, match="'s3://nobody-has-this': no such file"):
        find_images("s3://nobody-has-this")


def test_missing_credentials_are_an_error_with_a_remedy(s3, monkeypatch):
    assert s3 is not None
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    fsspec.filesystem("s3").clear_instance_cache()
    with pytest.raises(InputError, match=r"or FSSPEC_S3_ANON=true for a public bucket\.$"):
        find_images("s3://pictures/set")
    fsspec.filesystem("s3").clear_instance_cache()


def test_an_empty_object_raises_an_image_error(s3):
    s3.put_object(Bucket="pictures", Key="empty/1.png", Body=b"")
    with pytest.raises(ImageError, match="empty file"):
        find_images("s3://pictures/empty").load(0)


def test_the_names_in_a_bucket_are_not_encoded(s3, png, reds):
    names = ["a", "a#1.png", "a%231.png", "a?2.png", "x%20y.png", "São Tomé #2/ü.png"]
    for red, name in enumerate(names):
        s3.put_object(Bucket="pictures", Key=f"set #1?/{name}", Body=png(red))
    s3.put_object(
        Bucket="pictures", Key="set #1?/m #.csv", Body="\n".join(["path", *names]).encode()
    )
    assert reds(find_images("s3://pictures/set #1?/m #.csv")) == [0, 1, 2, 3, 4, 5]
    s3.delete_object(Bucket="pictures", Key="set #1?/m #.csv")
    images = find_images("s3://pictures/set #1?")
    assert images.paths == tuple(sorted(names[1:]))
    assert reds(images) == [5, 1, 2, 3, 4]
