//! Every operation against a formula in double precision, its gradients against differences of that
//! formula, and both on one thread and on two, over random and odd shapes.

mod attention;
mod cached;
mod elements;
mod linear;
mod loss;
mod naive;
mod norm;
mod optimiser;
mod support;
