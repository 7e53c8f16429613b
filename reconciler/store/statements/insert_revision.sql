-- Take a commit into force, if the last one is still the one this was decided on.
insert into rollouts.rollout_revisions (previous_number, root, revision, kind, reason, unsafe_reason, looks_back, actor)
values (%(previous_number)s, %(root)s, %(revision)s, %(kind)s, %(reason)s, %(unsafe_reason)s, %(looks_back)s, %(actor)s)
