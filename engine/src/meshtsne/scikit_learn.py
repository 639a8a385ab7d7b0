"""The interface of a scikit-learn estimator, without the import of scikit-learn.

The import of ``sklearn.base`` loads SciPy's statistics and pandas, and takes longer than a fit of
500 points. `TSNE` therefore does not inherit from ``BaseEstimator``. The first use of a method of
scikit-learn's base classes loads them, and calls the method for an estimator that inherits from the
base classes and shares the attributes of the `TSNE`.
"""

from __future__ import annotations

import inspect
import sys
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import ArrayLike, NDArray


class LazyEstimator:
    """An estimator whose methods load scikit-learn on first use.

    A subclass defines `fit`, `_transform`, `_fit_transform` and `_n_features_out`.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002 - scikit-learn's signature
        """Return the parameters of the constructor by name.

        Parameters
        ----------
        deep : bool
            Without effect, because no parameter is an estimator.
        """
        del deep
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in sorted(names)}

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the constructor, and return the estimator.

        Raises
        ------
        ValueError
            The constructor does not have such a parameter.
        """
        as_estimator(self).set_params(**params)
        return self

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose the type of the result of `transform` and `fit_transform`.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, optional
            None does not change the type.

        Returns
        -------
        LazyEstimator
            The estimator.
        """
        as_estimator(self).set_output(transform=transform)
        return self

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the columns of the embedding: "tsne0", "tsne1" and so on.

        Parameters
        ----------
        input_features : array-like of str, optional
            Ignored.

        Returns
        -------
        ndarray of str objects, shape (n_components,)
        """
        names: NDArray[np.object_] = as_estimator(self).get_feature_names_out(input_features)
        return names

    def __sklearn_tags__(self) -> Any:
        return as_estimator(self).__sklearn_tags__()

    def __repr__(self, **options: Any) -> str:
        return str(as_estimator(self).__repr__(**options))

    def __getattr__(self, name: str) -> Any:
        """Return the other attributes of scikit-learn's base classes."""
        # a special method, or an attribute that only `fit` sets
        if name.startswith("__") or (name.endswith("_") and not name.startswith("_")):
            raise _no_attribute(self, name)
        estimator = as_estimator(self)
        attribute = getattr(estimator, name)
        return self._returning_self(attribute, estimator) if callable(attribute) else attribute

    def _returning_self(self, method: Callable[..., Any], estimator: Any) -> Callable[..., Any]:
        """Wrap a method of `estimator` so that this object replaces the result `estimator`."""

        @wraps(method)
        def call(*args: Any, **keywords: Any) -> Any:
            result = method(*args, **keywords)
            return self if result is estimator else result

        return call


def as_estimator(tsne: LazyEstimator) -> Any:
    """Return an estimator with the base classes of scikit-learn, and the attributes of `tsne`.

    A change of an attribute of either object changes both.
    """
    cls: Any = type(tsne)  # mypy compares `__hash__` of the instances with that of a class
    estimator_class = _estimator_class(cls)
    if isinstance(tsne, estimator_class):
        return tsne
    estimator = estimator_class.__new__(estimator_class)
    estimator.__dict__ = tsne.__dict__
    return estimator


def is_scikit_learn_loaded() -> bool:
    """Return whether the process has imported scikit-learn."""
    return "sklearn.base" in sys.modules


@cache
def _estimator_class(cls: Any) -> Any:
    """Return a subclass that also inherits from scikit-learn's base classes."""
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin

    bases = (ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, cls)
    namespace = {
        "__init__": cls.__init__,
        "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "__getattr__": _no_more_attributes,
        "__sklearn_tags__": _tags,
        "fit": cls.fit,
        # TransformerMixin adds the conversion of `set_output` to the methods of this namespace
        "transform": cls._transform,
        "fit_transform": cls._fit_transform,
    }
    return type(cls.__name__, bases, namespace)


def _tags(self: Any) -> Any:
    from sklearn.base import TransformerMixin

    tags = TransformerMixin.__sklearn_tags__(self)  # calls that of BaseEstimator
    tags.input_tags.sparse = True
    tags.input_tags.pairwise = self.metric == "precomputed"
    tags.transformer_tags.preserves_dtype = ["float32"]
    return tags


def _no_more_attributes(self: Any, name: str) -> Any:
    raise _no_attribute(self, name)


def _no_attribute(tsne: Any, name: str) -> AttributeError:
    return AttributeError(f"{type(tsne).__name__!r} object has no attribute {name!r}")
