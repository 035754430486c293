from cheapsearch.reports import rehearsal_frame, share_of_hypervolume, write_rehearsal

RESULTS = {
    name: {
        "share": {
            "10": {"mean": low, "min": low - 0.1, "std": 0.02},
            "25": {"mean": 0.9, "min": 0.8, "std": 0.01},
        },
        "share_tried": {"25": {"mean": 0.95, "min": 0.85, "std": 0.03}},
    }
    for name, low in (("cost_aware", 0.7), ("<b>", 0.5))
}


def test_rehearsal_frame_has_a_row_for_each_share():
    frame = rehearsal_frame(RESULTS)
    assert frame.to_dict("list") == {
        "sampler": ["cost_aware"] * 3 + ["<b>"] * 3,
        "scored": ["front reported", "front reported", "all tried"] * 2,
        "evaluations": [10, 25, 25] * 2,
        "mean": [0.7, 0.9, 0.95, 0.5, 0.9, 0.95],
        "min": [0.6, 0.8, 0.85, 0.4, 0.8, 0.85],
        "std": [0.02, 0.01, 0.03] * 2,
    }


def test_share_of_hypervolume_draws_two_lines_for_each_sampler():
    figure = share_of_hypervolume(rehearsal_frame(RESULTS))
    lines = [(trace.name, trace.line.dash, list(trace.y)) for trace in figure.data]
    assert lines == [
        ("cost_aware", "solid", [0.7, 0.9]),
        ("cost_aware, all tried", "dot", [0.95]),
        ("<b>", "solid", [0.5, 0.9]),
        ("<b>, all tried", "dot", [0.95]),
    ]
    colours = [trace.line.color for trace in figure.data]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert list(figure.data[0].error_y.array) == [0.02, 0.01]


def test_write_rehearsal_escapes_the_title(tmp_path):
    page = write_rehearsal(RESULTS, tmp_path / "page.html", title="<script>alert(1)</script>")
    assert "<script>alert(1)" not in page.read_text()
