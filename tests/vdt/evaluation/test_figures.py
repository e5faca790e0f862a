"""What all plots and tables share."""

from vdt.evaluation.figures import frame_ticks, generated_frames


def test_frames_are_numbered_at_multiples_of_powers_of_two():
    assert frame_ticks(8, 15) == list(range(8, 16))
    assert frame_ticks(8, 63) == [8, 16, 24, 32, 40, 48, 56]
    assert frame_ticks(1, 14) == [2, 4, 6, 8, 10, 12, 14]
    assert frame_ticks(5, 5) == [5]


def test_generated_frames_are_those_that_are_not_given():
    assert generated_frames({"num_frames": 6, "known_frames": [0, 1, 4]}).tolist() == [2, 3, 5]
