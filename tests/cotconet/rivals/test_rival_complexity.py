"""The table of the compared methods' sizes: counted on the networks, loops in full."""

from cotconet.rivals import complexity, profiles
from cotconet.rivals.mohammed import recurrent


def test_a_recurrent_network_s_operations_are_those_of_all_steps():
    gru = 2 * 5 * (3 * 4 * 6 + 3 * 4 * 4)  # steps, gates times units times inputs
    lstm = 2 * 2 * 5 * (4 * 4 * 4 + 4 * 4 * 4)
    assert complexity.operations(recurrent(5, 6, units=4)) == gru + lstm + 2 * 8 * 2


def test_the_table_counts_each_method_s_networks_beside_what_its_source_states():
    made, lines = complexity.table("quick", ["jawahar", "gehlot"])
    made = made.set_index("Method")
    assert made.loc["Jawahar et al.", "Parameters ours"] == "171,905"
    # At 96 pixels the map is smaller, and no weight knows its size.
    assert made.loc["Gehlot et al.", ["Parameters ours", "trained of them"]].tolist() == [
        "95,851", "95,371",
    ]  # fmt: skip
    assert made.loc["Gehlot et al.", "stated"].startswith("its code: 95,371")
    assert "quick profile" in lines[1]


def test_of_a_method_of_ones_own_nothing_is_counted(monkeypatch):
    monkeypatch.setitem(profiles.METHODS, "own", profiles.Method("Own", None, "none"))
    monkeypatch.setitem(profiles.PROFILES["quick"], "own", {"size": 48})
    made, lines = complexity.table("quick", ["jawahar", "own"])
    assert made.loc[0, "Parameters ours"] == "171,905"
    assert made.loc[1].tolist() == ["Own", "none", "–", "–", "–", "48 px"]
    assert lines[2].startswith("–: of a method")
    assert len(complexity.table("quick", ["jawahar"])[1]) == 2
