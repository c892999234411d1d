"""Why a course has no plan, which single changes would help, and both in words."""
