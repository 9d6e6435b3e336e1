//! What stands behind a pattern: a handler for each method.

use std::sync::Arc;

use http::Method;

use crate::handler::Handler;

/// The handlers of one pattern.
#[derive(Clone, Default)]
pub(super) struct Route {
    methods: Vec<(Method, Endpoint)>,
    any: Option<Endpoint>,
    /// The value of Allow.
    allow: String,
}

/// A handler, and how its pattern has named the parameters.
#[derive(Clone)]
pub(super) struct Endpoint {
    pub(super) names: Arc<[Box<str>]>,
    pub(super) handler: Arc<dyn Handler>,
}

impl Route {
    /// Adds a handler; false if the method has one.
    pub(super) fn add(&mut self, method: Option<Method>, endpoint: Endpoint) -> bool {
        match method {
            None if self.any.is_some() => return false,
            None => self.any = Some(endpoint),
            Some(method) if self.methods.iter().any(|(other, _)| *other == method) => return false,
            Some(method) => self.methods.push((method, endpoint)),
        }
        self.allow = self.methods_with_implied().join(", ");
        true
    }

    /// The handler of a method.
    pub(super) fn get(&self, method: &Method) -> Option<&Endpoint> {
        let of = |method: &Method| {
            self.methods
                .iter()
                .find(|(other, _)| other == method)
                .map(|(_, endpoint)| endpoint)
        };
        of(method)
            .or_else(|| {
                if *method == Method::HEAD {
                    of(&Method::GET)
                } else {
                    None
                }
            })
            .or(self.any.as_ref())
    }

    /// The value of Allow.
    pub(super) fn allow(&self) -> &str {
        &self.allow
    }

    fn methods_with_implied(&self) -> Vec<&str> {
        let mut methods = Vec::new();
        for (method, _) in &self.methods {
            methods.push(method.as_str());
            if *method == Method::GET {
                methods.push("HEAD");
            }
        }
        methods.push("OPTIONS");
        let mut seen = Vec::new();
        methods.retain(|method| {
            let is_new = !seen.contains(method);
            seen.push(*method);
            is_new
        });
        methods
    }
}
