from cheapsearch.reports import rehearsal_frame, share_of_hypervolume, write_rehearsal

RESULTS = {
    name: {
        "share": {
            "10": {"mean": low, "min": low - 0.1, "std": 0.02},
            "25": {"mean": 0.9, "min": 0.8, "std": 0.01},
        }
    }
    for name, low in (("cost_aware", 0.7), ("<b>", 0.5))
}


def test_rehearsal_frame_has_a_row_for_each_share():
    frame = rehearsal_frame(RESULTS)
    assert frame.to_dict("list") == {
        "sampler": ["cost_aware", "cost_aware", "<b>", "<b>"],
        "evaluations": [10, 25, 10, 25],
        "mean": [0.7, 0.9, 0.5, 0.9],
        "min": [0.6, 0.8, 0.4, 0.8],
        "std": [0.02, 0.01, 0.02, 0.01],
    }


def test_share_of_hypervolume_draws_a_line_for_each_sampler():
    figure = share_of_hypervolume(rehearsal_frame(RESULTS))
    assert [trace.name for trace in figure.data] == ["cost_aware", "<b>"]
    assert list(figure.data[1].y) == [0.5, 0.9]
    assert list(figure.data[0].error_y.array) == [0.02, 0.01]


def test_write_rehearsal_escapes_the_title(tmp_path):
    page = write_rehearsal(RESULTS, tmp_path / "page.html", title="<script>alert(1)</script>")
    assert "<script>alert(1)" not in page.read_text()
