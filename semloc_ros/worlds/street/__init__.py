"""The street: a closed drive past buildings, shops, trees and a park, in six conditions."""
