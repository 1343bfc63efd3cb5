//! Walks through a statement's tree.
//!
//! All visitors have the same type. The parser's walk has some hundreds of functions, one for each kind of node, and
//! the compiler makes all of these again for each type of visitor. With six types that was most of this crate's
//! compile time.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Query, Select, VisitMut, VisitorMut};

/// A visitor of any type.
struct Any<'a>(&'a mut dyn VisitorMut<Break = ()>);

impl VisitorMut for Any<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.0.pre_visit_query(query)
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.0.post_visit_query(query)
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.0.pre_visit_select(select)
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.0.post_visit_select(select)
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0.pre_visit_expr(expr)
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0.post_visit_expr(expr)
    }
}

/// Shows a visitor the queries, selects and expressions of a tree, and no other nodes. Returns whether it stopped
/// early.
pub(super) fn walk(tree: &mut impl VisitMut, visitor: &mut dyn VisitorMut<Break = ()>) -> ControlFlow<()> {
    tree.visit(&mut Any(visitor))
}

/// Calls a function with each expression of a tree, inner ones first.
pub(super) fn each_expr(tree: &mut impl VisitMut, visit: impl FnMut(&mut Expr)) {
    struct Each<F>(F);
    impl<F: FnMut(&mut Expr)> VisitorMut for Each<F> {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            (self.0)(expr);
            ControlFlow::Continue(())
        }
    }
    let _ = walk(tree, &mut Each(visit));
}

/// Calls a function with each expression of a tree, inner ones first, but not with those of its subqueries.
pub(super) fn each_own_expr(tree: &mut impl VisitMut, visit: impl FnMut(&mut Expr)) {
    struct Own<F>(F, usize);
    impl<F: FnMut(&mut Expr)> VisitorMut for Own<F> {
        type Break = ();

        fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.1 += 1;
            ControlFlow::Continue(())
        }

        fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
            self.1 -= 1;
            ControlFlow::Continue(())
        }

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if self.1 == 0 {
                (self.0)(expr);
            }
            ControlFlow::Continue(())
        }
    }
    let _ = walk(tree, &mut Own(visit, 0));
}
