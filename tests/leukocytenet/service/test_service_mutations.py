"""Some hundred damaged pictures; benchmarks/service_mutations.py sends twenty thousand."""

from benchmarks import service_mutations


def test_damaged_pictures_are_answered_or_refused_and_nothing_else(client):
    found = service_mutations.run(client, 300)
    assert not found["problems"]
    explained = {kind: n for kind, n in found["outcomes"].items() if kind.startswith("expl")}
    assert sum(explained.values()) == 30
    assert min(explained["explained"], explained["explanation refused"]) > 0
    assert sum(found["outcomes"].values()) == 330
    for kind in ("png", "jpeg", "bmp", "tiff", "webp", "gif"):
        assert found["outcomes"][f"{kind} refused"] > 0
    assert sum(n for kind, n in found["outcomes"].items() if "picture" in kind) > 20


def test_every_sample_is_a_picture_before_it_is_damaged(client):
    for name, content in service_mutations.samples().items():
        data = {"images": (service_mutations.io.BytesIO(content), name)}
        assert client.post("/api/predict", data=data).status_code == 200, name
    assert service_mutations.mutated(service_mutations.samples(), 0, 5) == (
        service_mutations.mutated(service_mutations.samples(), 0, 5)
    )
