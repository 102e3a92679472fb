message(STATUS "install: to come")
