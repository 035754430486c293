import pytest
import torch

from cheapsearch.models.memory import enough_memory
from cheapsearch.search.cli.main import main
from cheapsearch.space import UserError


def test_enough_memory_names_what_does_not_fit():
    with pytest.raises(UserError, match=r"^width 9: must fit"), enough_memory("width 9"):
        torch.empty(10**15)  # four petabytes


def test_enough_memory_leaves_other_errors_alone():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"), enough_memory("width 9"):
        torch.zeros(2, 3) @ torch.zeros(2, 3)


@pytest.mark.parametrize(
    ("option", "name"), [("--num-classes", "num_classes"), ("--input-size", "input_size")]
)
@pytest.mark.parametrize("size", [10**13, 10**30])
def test_show_refuses_a_size_beyond_memory_in_one_line(capsys, option, name, size):
    assert main(["show", "cheap_v2", option, str(size)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"cheapsearch: {name} {size}: must fit")
    assert error.count("\n") == 1
