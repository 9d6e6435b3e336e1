//! A map from text that is looked up far more often than it is changed.

/// Sorted by length and content: a binary search needs no hashing, and most comparisons end with the
/// length.
#[derive(Clone)]
pub(super) struct Texts<T>(Vec<(Box<str>, T)>);

impl<T> Default for Texts<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Texts<T> {
    /// What is under this text.
    #[inline]
    pub(super) fn get(&self, text: &str) -> Option<&T> {
        let at = if self.0.len() <= FEW {
            self.0.iter().position(|(other, _)| **other == *text)?
        } else {
            self.position(text).ok()?
        };
        Some(&self.0[at].1)
    }

    /// What is under this text, made if need be.
    pub(super) fn get_or_default(&mut self, text: &str) -> &mut T
    where
        T: Default,
    {
        let at = match self.position(text) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (text.into(), T::default()));
                at
            }
        };
        &mut self.0[at].1
    }

    fn position(&self, text: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| {
            other
                .len()
                .cmp(&text.len())
                .then_with(|| (**other).cmp(text))
        })
    }
}

/// So many texts are looked through one after another.
const FEW: usize = 8;
