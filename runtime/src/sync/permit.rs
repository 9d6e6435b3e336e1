//! Permits of a semaphore, given back when they are dropped.

use std::sync::Arc;

use super::Semaphore;

/// Permits taken from a [`Semaphore`]; dropping it gives them back.
#[derive(Debug)]
#[must_use = "dropping the permit gives it back at once"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

impl<'a> Permit<'a> {
    pub(super) fn new(semaphore: &'a Semaphore, permits: usize) -> Self {
        Self { semaphore, permits }
    }

    /// How many it is.
    pub fn num_permits(&self) -> usize {
        self.permits
    }

    /// Takes `permits` out of it; `None` if it has fewer.
    pub fn split(&mut self, permits: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(permits)?;
        Some(Self::new(self.semaphore, permits))
    }

    /// Gives nothing back: the semaphore has so many permits fewer from now on.
    pub fn forget(mut self) {
        self.permits = 0;
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.permits > 0 {
            self.semaphore.give(self.permits);
        }
    }
}

/// As [`Permit`], with a reference of its own to the semaphore.
#[derive(Debug)]
#[must_use = "dropping the permit gives it back at once"]
pub struct OwnedPermit {
    semaphore: Arc<Semaphore>,
    permits: usize,
}

impl OwnedPermit {
    pub(super) fn new(semaphore: Arc<Semaphore>, permits: usize) -> Self {
        Self { semaphore, permits }
    }

    /// How many it is.
    pub fn num_permits(&self) -> usize {
        self.permits
    }

    /// Takes `permits` out of it; `None` if it has fewer.
    pub fn split(&mut self, permits: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(permits)?;
        Some(Self::new(self.semaphore.clone(), permits))
    }

    /// Gives nothing back: the semaphore has so many permits fewer from now on.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// The semaphore.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        if self.permits > 0 {
            self.semaphore.give(self.permits);
        }
    }
}
