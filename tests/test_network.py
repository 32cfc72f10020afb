"""The network's parts, each against what the report or algebra says of it."""

import pytest
import torch

from trcaugment.network import MarkerNetwork, NetworkSizes

SMALL = NetworkSizes(hidden=8, n_layers=1)


def network(sizes=SMALL, *, trained=True, seed=0):
    """A network with random weights everywhere (`trained`), or as it starts."""
    torch.manual_seed(seed)
    made = MarkerNetwork(sizes)
    if trained:
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.normal_(0, 0.3)
    return made


def windows(n=4, n_frames=30, sizes=SMALL, seed=1):
    return torch.randn(n, n_frames, sizes.n_features, generator=torch.Generator().manual_seed(seed))


def test_the_default_sizes_are_those_of_the_problem():
    sizes = NetworkSizes()
    assert (sizes.n_features, sizes.n_targets) == (47, 105)
    assert network(sizes)(windows(2, sizes=sizes)).shape == (2, 30, 105)


@pytest.mark.parametrize(
    "sizes",
    [
        SMALL,
        NetworkSizes(hidden=5, n_layers=3),
        NetworkSizes(4, 1, 2, hidden=3, n_layers=2),
        NetworkSizes(2, 0, 1, 4, 1),
    ],
)
def test_the_number_of_parameters_is_that_of_the_sizes(sizes):
    f, t, h, k = sizes.n_features, sizes.n_targets, sizes.hidden, sizes.n_keypoints

    def bilstm(n_inputs):
        return 2 * 4 * h * (n_inputs + h + 2)

    expected = 2 * bilstm(f) + (sizes.n_layers - 1) * bilstm(2 * h) + (2 * h + 1) * (k + t) + (f + 1) * t
    made = network(sizes)
    assert sum(parameter.numel() for parameter in made.parameters()) == expected
    assert made(windows(3, 7, sizes)).shape == (3, 7, t)


def test_attention_is_positive_and_sums_to_one_in_every_frame():
    weights = network().attention(windows()).detach()
    assert weights.shape == (4, 30, 15)
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(4, 30))
    assert float(weights.std(dim=-1).min()) > 1e-4  # and does choose
    # Scores lie between -1 and 1, so no keypoint weighs more than e^2 times another.
    assert float((weights.amax(dim=-1) / weights.amin(dim=-1)).max()) < 7.4


def test_even_attention_leaves_the_keypoints_as_they_are():
    made, features = network(), windows()
    with torch.no_grad():
        made.score.weight.zero_()
        made.score.bias.zero_()
    expected = made.output(made.lstm(features)[0]) + made.linear_path(features)
    torch.testing.assert_close(made(features), expected)


def test_attention_weighs_keypoints_but_never_height_and_mass():
    made, features = network(), windows()
    weights = 15 * made.attention(features)
    seen = []
    made.lstm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    made(features)
    torch.testing.assert_close(seen[0][..., 45:], features[..., 45:])
    for k in range(15):
        torch.testing.assert_close(
            seen[0][..., 3 * k : 3 * k + 3], features[..., 3 * k : 3 * k + 3] * weights[..., k : k + 1]
        )


def test_a_new_network_predicts_zeros_and_after_the_fit_just_the_linear_path():
    made, features = network(trained=False).requires_grad_(False), windows()
    assert not made(features).any()
    targets = torch.randn(500, 105, generator=torch.Generator().manual_seed(2))
    samples = torch.randn(500, 47, generator=torch.Generator().manual_seed(3))
    made.fit_linear_path(samples, targets)
    standardized = (features - made.mean) / made.deviation
    torch.testing.assert_close(made(features), made.linear_path(standardized))
    assert float(made(features).std()) > 0.01


def planted(n_samples, noise=0.0):
    """Features of unlike sizes and a linear map of them."""
    random = torch.Generator().manual_seed(4)
    size = torch.logspace(-2, 2, 47)
    features = size * torch.randn(n_samples, 47, generator=random) + 3 * size
    weight = torch.randn(47, 105, generator=random) / size[:, None]
    bias = torch.randn(105, generator=random)
    targets = features @ weight + bias
    return features, targets + noise * torch.randn(targets.shape, generator=random), targets


def test_the_linear_path_recovers_a_planted_linear_map():
    features, targets, _ = planted(3000)
    made = network(trained=False).requires_grad_(False)
    made.fit_linear_path(features[:2000], targets[:2000])
    found = made(features[None, 2000:])[0]
    unexplained = (found - targets[2000:]).std(dim=0) / targets[2000:].std(dim=0)
    assert float(unexplained.max()) < 0.003  # the ridge takes a thousandth
    torch.testing.assert_close(made.mean, features[:2000].mean(dim=0))
    torch.testing.assert_close(made.deviation, features[:2000].std(dim=0))


def test_the_linear_path_sees_through_noise():
    features, noisy, true = planted(6000, noise=1.0)
    made = network(trained=False).requires_grad_(False)
    made.fit_linear_path(features[:5000], noisy[:5000])
    assert float((made(features[None, 5000:])[0] - true[5000:]).square().mean()) < 3 * 48 / 5000


def test_opposite_and_constant_features_do_not_blow_up_the_linear_path():
    features, targets, _ = planted(2000)
    features[:, 12:15] = -features[:, 9:12]  # the hips, after centering
    features[:, 0] = 0.25
    made = network(trained=False).requires_grad_(False)
    made.fit_linear_path(features, targets)
    assert torch.isfinite(made.linear_path.weight).all()
    assert float(made.linear_path.weight.abs().max()) < 10 * float(targets.std())
    off = features[:1000].clone()
    off[:, 12:15] += 0.01 * made.deviation[12:15]  # no longer exact opposites
    moved = made(off[None])[0] - made(features[None, :1000])[0]
    assert float(moved.abs().max()) < 0.1 * float(targets.std())


def test_frames_know_of_frames_before_and_after():
    made, features = network(), windows(1)
    with torch.no_grad():
        for name, bias in made.named_parameters():
            if "bias_hh" in name:
                bias[8:16] = 4.0  # forget gates open: a memory of half a second
    made.requires_grad_(False)
    outputs = made(features)
    for changed, read in ((29, 0), (0, 29)):
        other = features.clone()
        other[:, changed] += 1.0
        assert float((made(other) - outputs)[0, read].abs().max()) > 1e-4
    # Windows of one batch know nothing of each other.
    both = torch.cat([features, windows(1, seed=9)])
    torch.testing.assert_close(made(both)[:1], outputs)


def test_gradients_flow_into_attention_and_every_other_part():
    made = network()
    made(windows()).square().mean().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().max()) > 0, name


def test_a_new_network_learns_beside_its_linear_path():
    """Planted: attention times keypoint is a product, which no linear map can follow."""
    made, features = network(trained=False), windows(64)
    targets = (features[..., :1] * features[..., 3:4]).expand(-1, -1, 105)
    optimizer = torch.optim.Adam(made.parameters(), 0.02)
    errors = []
    for _ in range(60):
        error = (made(features) - targets).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.75 * errors[0]
